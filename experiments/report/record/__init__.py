"""What was compared, trained and timed: its making, `report.json`, and two of them side by side."""
