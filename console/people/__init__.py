"""A trader's page → Export: all that is kept of somebody, as they get it from `GET /user/data`.

For a person who asks by letter, or can't sign in any more. Who exported whom, and why, is kept.
"""
