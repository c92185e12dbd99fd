"""The heavy clients of the venue, each in a virtual environment of its own: `make compat`.

Theory of operation. An exchange with its simulator is started as `make run` starts it. For each
client a trader is made, with a key and money. The client's script in `bots` gets the address and
the key, runs the client unmodified, and prints a line for each thing it saw or missed and, at the
end, what the client believes it has bought and sold. That is compared with the trader's fills in
our own API. The table in docs/compatibility.md is written of what was seen, and nothing else.
"""
