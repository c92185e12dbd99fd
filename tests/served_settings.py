"""Of an API in whose tests many sign up: a password costs it what it costs the tests."""

from exchange_site.settings import *  # noqa: F403  a settings module is made of names
from tests.cheap_passwords import use_cheap_passwords

use_cheap_passwords()
