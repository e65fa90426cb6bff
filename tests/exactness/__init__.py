"""Cases that a selector must answer as the oracles do, to the last bit, and selectors that do not.

`cases` says what a case is and how they are drawn, `matrices` what they are drawn from, `answers`
what is right, `suite` how a selector is held to it, and `wrong_selectors` what must not pass.
"""
