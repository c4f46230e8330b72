"""After commit: how a committed event reaches whoever follows the log, and what a deadline leads to by itself.

``relay`` numbers committed events, ``broker`` wakes it and the readers of the log (``redis_broker`` in every
process), ``log`` reads the events in that order from any position on, ``cursors`` seal such a position for a
subscriber, ``channel`` holds what one follower has yet to take, ``frame`` is what a subscriber gets. ``ladder``
writes the events that follow a deadline, ``letters`` those that follow unanswered letters. ``office`` elects the
one relay and the one ladder, ``bell`` is how one waits for another, ``backoff`` how all wait for a lost database.
"""
