"""A form that is sent twice does what it says once.

Theory of operation. Whoever clicks twice, sends a page again or comes back to one sends the same
form: what was rendered once, with the same content. Django masks the token against forgery anew for
every page it renders, so that token and what is in the form say which one it is, and no form can
forget to. Before a view of the site does anything its form is kept by that key (`SentForm`), which
is unique: of several that come at once, over whichever processes, one goes on. The others wait for
its end and lead to where it led, with what it said.

* A view that answers with a page has done nothing: the form has mistakes, or asks again. It is
  forgotten, and counts when it is sent again. What is shown once and was done (`shown_once`) says
  so, and is never shown by a second.
* Of one that broke off nobody knows how far it came, and it is not done again: who sent it is told
  to look, and to open the form anew.
* A form that is opened anew is another one, whatever it says.
"""
