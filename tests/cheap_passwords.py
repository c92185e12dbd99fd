"""Argon2 as in production, with the least memory and work that it knows."""

from django.contrib.auth.hashers import Argon2PasswordHasher


def use_cheap_passwords() -> None:
    Argon2PasswordHasher.time_cost = 1
    Argon2PasswordHasher.memory_cost = 8  # KiB
    Argon2PasswordHasher.parallelism = 1
