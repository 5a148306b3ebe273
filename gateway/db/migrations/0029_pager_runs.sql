-- A run ends when its incident is acknowledged after the run began: an incident that was acknowledged before, and is
-- paged again because it is still out, is not answered by that. And which person a run could not reach.
ALTER TABLE pager_run
    ADD COLUMN acknowledged_before timestamptz,
    ADD COLUMN escalated_by text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX pager_run_one_open ON pager_run (incident_id) WHERE ended_at IS NULL AND occasion_kind <> 'returned';
