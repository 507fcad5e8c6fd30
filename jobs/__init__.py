"""Job definitions: what cron, systemd timers and Kubernetes call. A job is options and one pipeline call.

FILE.toml ─ job.load ▶ Job ─ runner.run ▶ migrate | audit | rollback ▶ batch.pipeline
"""
