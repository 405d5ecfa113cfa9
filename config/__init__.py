"""A node's configuration, shared by the daemon and the client: read it, write it, check it.

`load` reads TOML, environment and flags into a `NodeConfig`; `write_toml` writes one; `check` lists what
is wrong with the files, ports and peers it names; key files are read and written here too.
"""

from config.certificates import fingerprint, make_certificate, pinned_name, write_certificate
from config.check import Problem, check
from config.keyfiles import public_key_of, read_key_file, write_key_file
from config.load import ConfigError, load, split_address
from config.model import (
    ConsensusSection,
    ListenSection,
    LogSection,
    MempoolSection,
    NodeConfig,
    NodeSection,
    PeerSection,
    TlsSection,
    reference,
)
from config.write import toml_text, write_toml

__all__ = [
    "ConfigError",
    "ConsensusSection",
    "ListenSection",
    "LogSection",
    "MempoolSection",
    "NodeConfig",
    "NodeSection",
    "PeerSection",
    "Problem",
    "TlsSection",
    "check",
    "fingerprint",
    "load",
    "make_certificate",
    "pinned_name",
    "public_key_of",
    "read_key_file",
    "reference",
    "split_address",
    "toml_text",
    "write_certificate",
    "write_key_file",
    "write_toml",
]
