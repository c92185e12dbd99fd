"""What leaves the house: rows that are sent (`rows`), and where they may be sent to (`reach`)."""
