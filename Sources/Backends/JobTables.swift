// SPDX-License-Identifier: Apache-2.0

/// The tables of the queue since jobs have parts. `CatalogDatabase` runs this once on every database.
enum JobTables {
    /// Makes the tables and takes over the jobs of the earlier one, whose work was a single piece: an open one starts
    /// again with its plan and keeps its attempts, so that a holder from before is refused.
    static let parts = """
        ALTER TABLE videos ADD COLUMN owner TEXT NOT NULL DEFAULT '';
        ALTER TABLE videos ADD COLUMN is_playable INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE videos ADD COLUMN seconds_left REAL;
        -- RungProgress as JSON; empty unless the video is in work.
        ALTER TABLE videos ADD COLUMN rungs TEXT NOT NULL DEFAULT '';
        UPDATE videos SET is_playable = 1 WHERE status = 'READY';

        ALTER TABLE jobs RENAME TO old_jobs;
        DROP INDEX jobs_live;
        DROP INDEX jobs_by_video;
        DROP INDEX jobs_due;
        DROP INDEX jobs_leases;

        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
            phase TEXT NOT NULL CHECK (phase IN ('open', 'done', 'setAside', 'cancelled')),
            -- Who is to have a fair share of the workers: the video's owner, or the video itself.
            owner TEXT NOT NULL,
            plan TEXT NOT NULL DEFAULT '',
            video_seconds REAL NOT NULL DEFAULT 0,
            -- When the plan was made: the speed is measured since then.
            planned_ms INTEGER NOT NULL DEFAULT 0,
            created_ms INTEGER NOT NULL
        );
        -- At most one open job for a video, whoever asks at the same time.
        CREATE UNIQUE INDEX jobs_live ON jobs (video_id) WHERE phase = 'open';
        CREATE INDEX jobs_by_video ON jobs (video_id, id);
        CREATE INDEX jobs_by_phase ON jobs (phase);

        CREATE TABLE job_parts (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind TEXT NOT NULL,
            work TEXT NOT NULL DEFAULT '',
            weight REAL NOT NULL DEFAULT 0,
            fraction REAL NOT NULL DEFAULT 0,
            phase TEXT NOT NULL CHECK (phase IN ('waiting', 'queued', 'leased', 'done', 'setAside')),
            attempt INTEGER NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            due_ms INTEGER NOT NULL DEFAULT 0,
            lease_ends_ms INTEGER NOT NULL DEFAULT 0,
            worker TEXT NOT NULL DEFAULT '',
            last_failure TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (job_id, number)
        ) WITHOUT ROWID;
        -- What to lease next: due parts, and leases that ended.
        CREATE INDEX job_parts_due ON job_parts (due_ms, job_id, number) WHERE phase = 'queued';
        CREATE INDEX job_parts_leases ON job_parts (lease_ends_ms, job_id, number) WHERE phase = 'leased';

        -- Seconds of the video that a part has done of a rendition.
        CREATE TABLE job_progress (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            rendition TEXT NOT NULL,
            part INTEGER NOT NULL,
            seconds REAL NOT NULL,
            PRIMARY KEY (job_id, rendition, part)
        ) WITHOUT ROWID;

        -- Every lease and how it ended.
        CREATE TABLE job_tries (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            part INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            worker TEXT NOT NULL,
            started_ms INTEGER NOT NULL,
            ended_ms INTEGER,
            outcome TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '',
            log TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (job_id, part, attempt)
        ) WITHOUT ROWID;
        -- Who was served lately.
        CREATE INDEX job_tries_by_end ON job_tries (ended_ms);

        -- What the parts of an open job have published; `video_segments` has it when the video is READY.
        CREATE TABLE job_renditions (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            is_video INTEGER NOT NULL,
            info TEXT NOT NULL,
            is_announced INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (job_id, name)
        ) WITHOUT ROWID;
        CREATE TABLE job_segments (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            rendition TEXT NOT NULL,
            number INTEGER NOT NULL,
            -- The part that made it.
            part INTEGER NOT NULL,
            info TEXT NOT NULL,
            PRIMARY KEY (job_id, rendition, number)
        ) WITHOUT ROWID;
        CREATE TABLE job_notes (
            job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (job_id, name)
        ) WITHOUT ROWID;

        -- Counts that only grow, of all programs on this database.
        CREATE TABLE job_counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

        INSERT INTO jobs (id, video_id, phase, owner, created_ms)
            SELECT id, video_id, CASE WHEN phase IN ('queued', 'leased') THEN 'open' ELSE phase END, video_id, created_ms
            FROM old_jobs;
        INSERT INTO job_parts (job_id, number, kind, phase, attempt, tries, due_ms, worker, last_failure)
            SELECT id, 0, 'plan', CASE phase WHEN 'leased' THEN 'queued' ELSE phase END, attempt,
                CASE WHEN phase IN ('queued', 'leased') THEN 0 ELSE tries END, due_ms, worker, last_failure
            FROM old_jobs;
        DROP TABLE old_jobs;
        """
}
