"""For every test: properties are judged by what they find, and never by how fast a busy machine finds it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("ayni", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ayni")
