"""What the house says to everyone: announcements and scheduled maintenance.

An operator writes a text, from when until when it is shown, and how grave it is; one of maintenance
says when the work begins and ends, too. Traders see it at `GET /announcements`, on the channel
`announcements` of the feeds and on the trading page, operators on every page of the console.
"""
