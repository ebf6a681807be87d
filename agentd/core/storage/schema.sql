-- Row keys (`pk`) are for joins inside; the outside knows only the UUIDs in `id`.
-- Instants (`…_at`) are milliseconds since the epoch, except `expires_at`, in whole seconds.
-- An index ends with the row key by itself, so its entries stand in the order of insertion.
-- CHECKs compare one by one because SQLite builds a table for each evaluation of a longer IN.

CREATE TABLE tasks (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    cancelled_at INTEGER,
    pending INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    completed INTEGER NOT NULL DEFAULT 0 CHECK (completed >= 0),
    failed INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    unreachable INTEGER NOT NULL DEFAULT 0 CHECK (unreachable BETWEEN 0 AND pending),
    state TEXT NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN running > 0 OR pending > unreachable THEN 'active'
            WHEN failed = 0 THEN 'completed'
            ELSE 'failed'
        END
    ) VIRTUAL,
    goal TEXT NOT NULL,
    context TEXT NOT NULL
) STRICT;

CREATE INDEX tasks_by_state ON tasks (state);

CREATE TABLE nodes (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    task_pk INTEGER NOT NULL REFERENCES tasks (pk),
    position INTEGER NOT NULL,
    key TEXT,
    status TEXT NOT NULL DEFAULT 'PENDING'
        CHECK (status = 'PENDING' OR status = 'RUNNING' OR status = 'COMPLETED' OR status = 'FAILED'),
    priority INTEGER NOT NULL DEFAULT 0,
    requires TEXT NOT NULL DEFAULT '[]',
    open_dependencies INTEGER NOT NULL DEFAULT 0 CHECK (open_dependencies >= 0),
    unreachable INTEGER NOT NULL DEFAULT 0 CHECK (unreachable = 0 OR unreachable = 1),
    attempts INTEGER NOT NULL DEFAULT 0,
    spent_attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER,
    timeout_secs INTEGER,
    lease_id TEXT,
    lease_owner TEXT,
    lease_provider TEXT,
    lease_secs INTEGER,
    expires_at INTEGER,
    acquired_at INTEGER,
    updated_at INTEGER NOT NULL,
    payload_schema TEXT NOT NULL DEFAULT '{}',
    result_payload TEXT,
    error_payload TEXT,
    CHECK ((status = 'RUNNING') = (lease_id IS NOT NULL)),
    CHECK (
        lease_id IS NULL
        OR (lease_owner IS NOT NULL AND lease_secs IS NOT NULL
            AND expires_at IS NOT NULL AND acquired_at IS NOT NULL)
    ),
    CHECK (open_dependencies = 0 OR status = 'PENDING' OR status = 'FAILED'),
    CHECK (unreachable = 0 OR (status = 'PENDING' AND open_dependencies > 0))
) STRICT;

CREATE UNIQUE INDEX nodes_in_task ON nodes (task_pk, position);
CREATE UNIQUE INDEX nodes_by_key ON nodes (task_pk, key) WHERE key IS NOT NULL;
CREATE INDEX nodes_runnable ON nodes (task_pk, requires, priority DESC, position)
    WHERE status = 'PENDING' AND open_dependencies = 0;
CREATE INDEX nodes_runnable_anywhere ON nodes (requires, priority DESC)
    WHERE status = 'PENDING' AND open_dependencies = 0;
CREATE INDEX nodes_by_expiry ON nodes (expires_at) WHERE status = 'RUNNING';

CREATE TRIGGER nodes_count_new AFTER INSERT ON nodes
BEGIN
    UPDATE tasks SET
        pending = pending + (NEW.status = 'PENDING'),
        running = running + (NEW.status = 'RUNNING'),
        completed = completed + (NEW.status = 'COMPLETED'),
        failed = failed + (NEW.status = 'FAILED'),
        unreachable = unreachable + NEW.unreachable
    WHERE pk = NEW.task_pk;
END;

CREATE TRIGGER nodes_count_changed AFTER UPDATE OF status, unreachable ON nodes
WHEN OLD.status <> NEW.status OR OLD.unreachable <> NEW.unreachable
BEGIN
    UPDATE tasks SET
        pending = pending + (NEW.status = 'PENDING') - (OLD.status = 'PENDING'),
        running = running + (NEW.status = 'RUNNING') - (OLD.status = 'RUNNING'),
        completed = completed + (NEW.status = 'COMPLETED') - (OLD.status = 'COMPLETED'),
        failed = failed + (NEW.status = 'FAILED') - (OLD.status = 'FAILED'),
        unreachable = unreachable + NEW.unreachable - OLD.unreachable
    WHERE pk = NEW.task_pk;
END;

CREATE TABLE node_dependencies (
    node_pk INTEGER NOT NULL REFERENCES nodes (pk),
    position INTEGER NOT NULL,
    dependency_pk INTEGER NOT NULL REFERENCES nodes (pk),
    PRIMARY KEY (node_pk, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX node_dependents ON node_dependencies (dependency_pk, node_pk);

-- The task that is being registered in steps, if there is one. It has no id yet, and neither it nor
-- its nodes are shown or handed out.
CREATE TABLE registration (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    task_pk INTEGER NOT NULL REFERENCES tasks (pk),
    first_node_pk INTEGER NOT NULL,
    last_node_pk INTEGER NOT NULL
) STRICT;

-- One row for each ended lease of a node; the running one is in `nodes`.
CREATE TABLE attempts (
    node_pk INTEGER NOT NULL REFERENCES nodes (pk),
    attempt INTEGER NOT NULL,
    lease_id TEXT NOT NULL UNIQUE,
    lease_owner TEXT NOT NULL,
    provider TEXT,
    acquired_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (
        outcome = 'completed' OR outcome = 'failed' OR outcome = 'retried' OR outcome = 'expired'
    ),
    content_digest BLOB,
    answer TEXT,
    PRIMARY KEY (node_pk, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    action_type TEXT NOT NULL,
    task_pk INTEGER REFERENCES tasks (pk),
    node_pk INTEGER REFERENCES nodes (pk),
    session_id TEXT,
    resource_key TEXT,
    owner TEXT,
    provider TEXT,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX journal_of_task ON journal (task_pk) WHERE task_pk IS NOT NULL;
CREATE INDEX journal_of_node ON journal (node_pk) WHERE node_pk IS NOT NULL;
CREATE INDEX journal_of_session ON journal (session_id) WHERE session_id IS NOT NULL;

CREATE TRIGGER journal_keeps_events AFTER UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_loses_nothing BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- The journal by resource, for the events up to a mark: it follows the journal in big steps, because
-- an index that is kept with each event changes another of its pages for nearly each of them.
CREATE TABLE journal_resources (
    resource_key TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (resource_key, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_resources_mark (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    up_to_seq INTEGER NOT NULL
) STRICT;

INSERT INTO journal_resources_mark (only_row, up_to_seq) VALUES (1, 0);

-- A lease is found by the fencing token in its id, which therefore needs no index of its own.
CREATE TABLE locks (
    fencing_token INTEGER PRIMARY KEY,
    lease_secret TEXT NOT NULL,
    namespace TEXT NOT NULL,
    resource_key TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode = 'exclusive' OR mode = 'shared'),
    owner TEXT NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'LIVE'
        CHECK (state = 'LIVE' OR state = 'RELEASED' OR state = 'EXPIRED'),
    acquired_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    metadata TEXT NOT NULL,
    CHECK ((state = 'LIVE') = (ended_at IS NULL))
) STRICT;

-- At most one live exclusive lock for a key; it finds the live locks of a key or range, too.
CREATE UNIQUE INDEX locks_live ON locks (
    resource_key, namespace, (CASE mode WHEN 'exclusive' THEN 0 ELSE fencing_token END)
) WHERE state = 'LIVE';
CREATE INDEX locks_by_expiry ON locks (expires_at) WHERE state = 'LIVE';

-- SQLite gives a new row the number after the greatest, so a fencing token never comes twice.
CREATE TRIGGER locks_keep_the_newest BEFORE DELETE ON locks
WHEN OLD.fencing_token = (SELECT max(fencing_token) FROM locks)
BEGIN
    SELECT RAISE(ABORT, 'the newest lock is kept');
END;

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    method TEXT NOT NULL,
    params_digest BLOB NOT NULL,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- `seq` is that of the review's first event.
CREATE TABLE reviews (
    seq INTEGER PRIMARY KEY REFERENCES journal (seq),
    review_id TEXT NOT NULL UNIQUE,
    repository TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE INDEX reviews_of_repository ON reviews (repository);

CREATE TABLE review_bundles (
    bundle_id TEXT NOT NULL,
    review_seq INTEGER NOT NULL REFERENCES reviews (seq),
    PRIMARY KEY (bundle_id, review_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE review_tasks (
    task_id TEXT NOT NULL,
    review_seq INTEGER NOT NULL REFERENCES reviews (seq),
    PRIMARY KEY (task_id, review_seq)
) STRICT, WITHOUT ROWID;
