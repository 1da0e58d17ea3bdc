"""The forms of a course's assignments on rows: functions with caches, losses, update rules and small nets."""
