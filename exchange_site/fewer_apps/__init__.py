"""Settings of processes that need only some of the apps: each costs at every start."""
