"""What is asked and answered, as frozen structs: figures are Decimals, times aware datetimes."""
