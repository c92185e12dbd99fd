from matching.compiled import prefer_compiled

RUNNING_BUILD = prefer_compiled()  # of matching.core: "compiled" or "pure"
