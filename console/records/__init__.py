"""What the console adds to the records of other rooms."""
