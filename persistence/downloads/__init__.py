"""A market's trades and candles, a file a day, for whoever wants all of them.

Theory of operation. A day's file is made once the day is over and everything of it is persisted
(`moment.is_persisted_to`): then its rows change no more, and the same rows make the same bytes. It
is written beside its name and moved there whole, so that a name never stands for half a file; its
row in `DailyFile` comes after that. Whatever was cut off is made again by the next run, and so are
days that were missed, the oldest first.
"""
