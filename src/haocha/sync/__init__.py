"""The province's platform (省平台): one file per dialect, and what all dialects share."""
