"""What migrations make tables, their rules and their partitions with."""
