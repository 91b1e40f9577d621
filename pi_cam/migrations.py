"""The schema of the device's database, step by step."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'guest')),
        password_hash TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE UNIQUE INDEX one_owner ON users (role) WHERE role = 'owner';
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        secret_hash TEXT NOT NULL UNIQUE,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        agent TEXT NOT NULL,
        created_at REAL NOT NULL,
        seen_at REAL NOT NULL
    );
    CREATE TABLE tokens (
        name TEXT PRIMARY KEY,
        secret_hash TEXT NOT NULL UNIQUE,
        can TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE cameras (
        id TEXT PRIMARY KEY,
        stopped INTEGER NOT NULL DEFAULT 0
    );
    """,
    """
    ALTER TABLE users ADD COLUMN expires_at REAL;
    CREATE TABLE grants (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        camera_id TEXT NOT NULL,
        can TEXT NOT NULL,
        PRIMARY KEY (user_id, camera_id)
    ) WITHOUT ROWID;
    ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
    ALTER TABLE tokens ADD COLUMN cameras TEXT;
    ALTER TABLE cameras ADD COLUMN name TEXT;
    ALTER TABLE cameras ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cameras ADD COLUMN address BLOB;
    ALTER TABLE cameras ADD COLUMN small_address BLOB;
    ALTER TABLE cameras ADD COLUMN allow_lan INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE gone_cameras (id TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    CREATE TABLE totp (
        user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        secret BLOB NOT NULL,
        confirmed INTEGER NOT NULL DEFAULT 0,
        last_step INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE recovery_codes (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        code_hash TEXT NOT NULL,
        PRIMARY KEY (user_id, code_hash)
    ) WITHOUT ROWID;
    CREATE TABLE passkeys (
        id BLOB PRIMARY KEY,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        public_key BLOB NOT NULL,
        sign_count INTEGER NOT NULL,
        host TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        used_at REAL
    );
    """,
    """
    CREATE TABLE portal (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        address TEXT NOT NULL,
        owner TEXT NOT NULL,
        keys TEXT NOT NULL,
        accepted INTEGER NOT NULL DEFAULT 0,
        paired_at REAL NOT NULL
    );
    CREATE TABLE portal_epochs (
        subject TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE portal_sessions (
        id TEXT PRIMARY KEY,
        secret_hash TEXT NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        can TEXT NOT NULL,
        agent TEXT NOT NULL,
        address TEXT NOT NULL,
        created_at REAL NOT NULL,
        seen_at REAL NOT NULL
    );
    """,
    """
    CREATE TABLE portal_goodbyes (
        address TEXT PRIMARY KEY,
        since REAL NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE configuration (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        version INTEGER NOT NULL,
        editor TEXT NOT NULL,
        at REAL
    ) WITHOUT ROWID;
    CREATE TABLE portal_edits (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        editor TEXT NOT NULL,
        result TEXT NOT NULL,
        why TEXT NOT NULL,
        version INTEGER NOT NULL,
        other TEXT,
        at REAL
    );
    """,
)
"""Each entry brings the schema one version further; entries are never changed once released."""
