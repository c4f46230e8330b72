"""After commit: how a committed event reaches whoever follows the log, and what a deadline leads to by itself.

``relay`` numbers committed events, ``broker`` wakes it and the readers of the log (``redis_broker`` in every
process), ``log`` reads the events in that order from any position on and hands them to whom they may concern,
``cursors`` seal such a position for a subscriber, ``channel`` holds what one follower has yet to take, ``recent``
the newest events for those who come back.

``fanout`` finds the ``group`` of each ``subscription``, those who get the same bytes by their ``feed``: an
``event_group`` follows the log, a ``figure_group`` looks at figures after it. ``access`` says who the subscribers are
by now, ``frame`` is what they are sent, ``shared`` does once what many want at the same time.

``ladder`` writes the events that follow a deadline, ``letters`` those that follow unanswered letters. ``office``
elects the one relay and the one ladder, ``bell`` is how one waits for another, ``backoff`` how all wait for a lost
database, and ``background`` keeps all this running. ``vitals`` say how it goes.
"""
