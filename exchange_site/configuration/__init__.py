"""What is set from outside: `variables` has every name with its meaning, `environment` reads them
and nothing else, `reference` writes docs/configuration.md of both.

A name that settings read and `variables` doesn't have is an error as the settings load, so the
reference can't miss one. Types and defaults in it are those that the settings read with.
"""
