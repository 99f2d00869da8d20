"""What `/metrics` shows of this process."""

from prometheus_client import Counter, Gauge, Histogram

RATINGS = Counter("haocha_ratings_total", "Ratings answered", ["level", "pf", "status"])
SERVICES = Counter("haocha_services_total", "Service records answered", ["status"])
COMPLAINTS = Counter("haocha_complaints_total", "Complaints answered", ["status"])
INGEST_SECONDS = Histogram(
    "haocha_ingest_seconds",
    "Receipt to durable answer of a rating",
    ["level", "pf"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
BATCH_SIZE = Histogram(
    "haocha_commit_groups", "Groups in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
)
QUEUE_DEPTH = Gauge("haocha_queue_depth", "Groups waiting for the next commit")
REQUESTS = Histogram(
    "haocha_request_seconds",
    "Time of a request by route",
    ["route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
PROJECTION_LAG = Gauge(
    "haocha_projection_lag_events", "Events in the log that a projection has not folded", ["projection"]
)
PROJECTION_STATE = Gauge("haocha_projection_live", "1 while a projection follows the log", ["projection"])
PARKED = Gauge("haocha_parked_events", "Events parked by handlers", ["handler"])
HEAD = Gauge("haocha_log_position", "Position of the last event")
BACKUP_AGE = Gauge("haocha_backup_age_seconds", "Age of the last backup; -1 where there is none")
DELIVERIES_WAITING = Gauge("haocha_deliveries_waiting", "Notices that wait for the webhook")
DELIVERIES_DEAD = Gauge("haocha_deliveries_dead", "Notices that the webhook would not take")
DELIVERY_AGE = Gauge("haocha_deliveries_oldest_seconds", "How long the first waiting notice waits")
SYNC_ITEMS = Gauge("haocha_sync_items", "Reports by state", ["peer", "level", "state"])
SYNC_OLDEST = Gauge(
    "haocha_sync_oldest_pending_seconds", "How long the first report that could be sent waits", ["peer", "level"]
)
SYNC_DELAY = Gauge(
    "haocha_sync_delay_seconds", "From the log to the platform's answer, of a day", ["peer", "level", "quantile"]
)
SYNC_ACCEPTED = Counter("haocha_sync_accepted", "Reports that the platform took", ["peer", "level"])
SYNC_BEHIND = Gauge("haocha_sync_behind", "1 where a level is later than the others", ["peer", "level"])
SYNC_BREAKER = Gauge("haocha_sync_breaker_open", "1 while calls are held back", ["peer"])
SYNC_SENDER = Gauge("haocha_sync_sender_age_seconds", "Since the sender's last sign of life; -1 for none", ["peer"])
SYNC_ANSWER = Gauge("haocha_sync_answer_age_seconds", "Since the platform's last answer; -1 for none", ["peer"])
SYNC_DIFFERENCES = Gauge("haocha_sync_differences", "Records that the platform holds otherwise", ["peer"])
TAKEN = Counter("haocha_taken_total", "Items of members answered", ["member", "status"])
