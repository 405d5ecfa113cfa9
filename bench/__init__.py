"""What is measured, and how: see bench/README.md. `./scripts/bench throughput|multileg|latency|audit`."""
