"""Mails that tell a trader what happened to their account.

Theory of operation. Whoever does something worth telling calls `telling.tell` in the transaction in
which it happens, with a key that names the event: so the mail is there exactly if the event is, and
once however often that is said. It goes to a mail that was verified, and to no other. Traders
choose what they want to be told of (`kinds.MUTABLE`); that somebody changed how one signs in is
told in any case, a new mail also at the old one. The words are of `words`, in plain text: what a
stranger could have written, such as a client's name of itself, stands in no subject.
"""
