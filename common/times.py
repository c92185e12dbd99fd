"""Bounds of the calendar."""

MAX_TIME_MS = 253_402_300_799_999  # the calendar ends with the year 9999
