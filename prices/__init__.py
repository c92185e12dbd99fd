"""Where index prices come from, how many become one, and the loop that sends it to the engines (②).

index → sources (quote → reach → venues → pollers; synthetic) → reports → pump, each importing only
what stands before it.
"""
