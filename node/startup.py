"""From a configuration to the parts of a node: what is checked before anything runs.

Decides whether a node may start: the configuration's files, the genesis, the database's tip certificate and
state root (DESIGN 4.5). Raises StartError in words a sysadmin can act on. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config import ConfigError, NodeConfig, check, read_key_file
from config.model import NO_PATH
from consensus.config import ConsensusConfig
from consensus.journal import JournalDamaged, Snapshot
from consensus.machine import Machine
from ledger.apply import RULES
from ledger.blocks import Tip
from ledger.chain import Chain
from ledger.genesis import Founding, GenesisInvalid, read_genesis
from ledger.rule import is_authors_own
from ledger.transactions import parse_transactions
from node.application import LedgerApplication
from node.log import make_log
from node.mempool import Mempool
from node.metrics import Metrics
from node.outcomes import Outcomes
from node.parts import Parts, wall_clock_ms
from node.receipts import Receipts
from node.store import Batch, Database, StoreDamaged
from node.tables import Tables
from proofs.certificates import CertificateInvalid, verify_certificate
from proofs.domains import block_digest
from proofs.signing import SigningKey


class StartError(Exception):
    """The node cannot start; the text says why, and what to do."""


@dataclass(frozen=True)
class Prepared:
    """A node that is ready to run."""

    parts: Parts
    application: LedgerApplication
    consensus_key: SigningKey
    service_key: SigningKey | None


def read_founding(config: NodeConfig) -> Founding:
    """The network's founding document. Raises StartError."""
    try:
        return read_genesis(config.node.genesis.read_bytes())
    except OSError as error:
        raise StartError(f"node.genesis: {config.node.genesis}: {error.strerror}") from None
    except GenesisInvalid as error:
        raise StartError(
            f"node.genesis: {config.node.genesis}: {error}; get the file from a founder"
        ) from None


def prepare(config: NodeConfig) -> Prepared:
    """Checks the configuration, opens the database, verifies its tip. Raises StartError, StoreError."""
    problems = check(config)
    if fatal := [str(problem) for problem in problems if problem.fatal]:
        raise StartError("\n".join(fatal))
    founding = read_founding(config)
    try:
        consensus_key = SigningKey(read_key_file(config.node.consensus_key))
        has_service_key = config.node.service_key != NO_PATH
        service_key = SigningKey(read_key_file(config.node.service_key)) if has_service_key else None
    except ConfigError as error:
        raise StartError(str(error)) from None
    database = Database(config.node.data_dir, founding.hash)
    prepared = assemble(config, founding, consensus_key, service_key, database, wall_clock_ms)
    for problem in problems:  # a certificate that soon expires, a variable that sets nothing
        prepared.parts.log.warning("configuration", problem=str(problem))
    return prepared


def assemble(
    config: NodeConfig,
    founding: Founding,
    consensus_key: SigningKey,
    service_key: SigningKey | None,
    database: Database,
    clock_ms: Callable[[], int],
) -> Prepared:
    """The parts of a node over an open database, whose tip is verified; closes it when that fails.

    `clock_ms`: Unix milliseconds. Raises StoreError.
    """
    keys = [member.consensus_key for member in founding.membership.members]
    member = keys.index(consensus_key.public_key)
    try:
        tables = Tables(database, founding.genesis.state_tree_bits)
        mempool = Mempool(
            config.mempool, lambda raws: parse_transactions(raws, founding.hash), faulty=(len(keys) - 1) // 3
        )
        chain = open_chain(founding, database, tables, mempool)
        mempool.is_authors_own = lambda tx: is_authors_own(chain.final_state(), tx)
        mempool.is_signed_as_due = lambda tx: RULES[tx.kind].authorise(chain.final_state(), tx) is None
    except Exception:
        database.close()
        raise
    federation = founding.membership.members[member].name
    parts = Parts(
        config=config,
        founding=founding,
        member=member,
        database=database,
        tables=tables,
        chain=chain,
        mempool=mempool,
        outcomes=Outcomes(),
        receipts=Receipts(founding.signed, tables),
        metrics=Metrics(),
        log=make_log(config.log, node=federation),
        clock_ms=clock_ms,
    )
    application = LedgerApplication(chain, mempool, parts.clock_ms, parts.refused)
    return Prepared(parts, application, consensus_key, service_key)


def open_chain(founding: Founding, database: Database, tables: Tables, mempool: Mempool) -> Chain:
    """The ledger at the database's tip, which is verified; a new database is founded.

    Raises StoreDamaged when certificate or state root do not match.
    """
    tip = tables.tip()
    if tip is None:
        if not database.is_new():
            raise StoreDamaged(
                f"{database.path}: the last final block is not known, and there are records of a network; "
                "run `ayni node doctor`, then move the database away (docs/operations.md)"
            )
        batch = Batch()
        tables.found(batch, Chain.founding_records(founding), founding.hash)
        database.write(batch)
        tip = tables.tip()
    at = tip if tip is not None and tip.height else None
    chain = Chain(founding, tables, at, mempool.parse)
    if at is not None:
        _verify_tip(founding, database, tables, at, chain)
    return chain


def _verify_tip(founding: Founding, database: Database, tables: Tables, tip: Tip, chain: Chain) -> None:
    stored = tables.block(tip.height)
    header, certified = stored.header, stored.certified
    fault = ""
    if block_digest(certified.header) != tip.digest or certified.finalization.digest != tip.digest:
        fault = "its header is not that of the certified block"
    elif header.state_root != chain.state_root:
        fault = f"its state root is {chain.state_root.hex()}, the header says {header.state_root.hex()}"
    elif (header.log_size, header.log_root) != (tip.frontier.size, tip.frontier.root()):
        fault = "its log is not the one the header names"
    else:
        try:
            verify_certificate(certified.finalization, founding.membership)
        except CertificateInvalid as error:
            fault = f"its certificate does not verify ({error})"
    if fault:
        raise StoreDamaged(
            f"{database.path}: the last final block, {tip.height}, does not check: {fault}; run `ayni node "
            "doctor`, then move the database away: the node catches up from its peers and "
            "serves, but does not vote if they hold votes that the disk lost (docs/operations.md)"
        )


def make_machine(prepared: Prepared, now_ms: int) -> Machine:
    """The consensus machine at the database's tip and journal. Raises StartError."""
    parts, consensus = prepared.parts, prepared.parts.config.consensus
    height = parts.chain.tip.height
    tip = parts.tables.block(height).certified if height else None
    settings = ConsensusConfig(
        timeout_base_ms=consensus.timeout_ms,
        timeout_max_ms=consensus.timeout_max_ms,
        heartbeat_ms=consensus.heartbeat_ms,
    )
    try:
        return Machine(
            parts.founding.membership,
            parts.member,
            prepared.consensus_key,
            prepared.application,
            Snapshot(tip, parts.tables.journal()),
            settings,
            now_ms,
        )
    except JournalDamaged as error:
        raise StartError(f"{parts.config.node.data_dir}: {error}") from None
