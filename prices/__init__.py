"""Where index prices come from, how many become one, and the loop that sends it to the engines (②).

index → quote → venues → pollers → reports → pump, each importing only what stands before it.
"""
