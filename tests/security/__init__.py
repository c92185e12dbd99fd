"""What strangers, traders and insiders try against each other, by item of the threat model.

A viewer becomes any trader           test_admin_reads, test_admin_oracles
Slow sockets stop everything          test_slow_clients, test_connections; feeds: test_feed_floods
One bad order hurts its group         test_isolation_of_requests
Rushes: orders, reads, paths, tokens  test_limits, test_cheap_refusals, test_addresses, test_apart
Guesses at passwords                  test_guessing, the admin's door too; locks, and the way out
Dumps, replays, guesses at a factor   test_second_factors
Dangerous acts with a cookie alone    test_dangerous_acts
Support that resets a factor alone    test_factor_resets
Sessions that outlive their end       test_sessions (reuse, new password, suspension, renewals)
Dumps, replays and stolen keys        test_keys, test_key_powers, test_keys_served
Deciding for oneself                  test_four_eyes
A deployment's headers and cookies    test_deployed, test_private_answers
Price sources that reach inside       test_price_sources
Another trader's orders and fills     test_other_peoples_things
Files that others read, logs          test_files, test_logs
Commands written into a stream        test_forged_commands
Rubbish in URLs and forms             test_admin_reads
Edits logged wrongly, bare questions  test_admin_changes
A no that looks like a fault          test_admin_changes
Lists cut off at 1440 px              test_clipped_lists

What each must cost another trader at most is measured by `python -m benchmarks.abuse`.
"""
