"""The soak: the real thing as processes, under load, with faults on purpose, and a checker that knows nothing of it.

Control passes ``__main__``, or a test → a ``fault`` of ``faults`` in a ``workplace`` → ``topology`` (``postgres``,
every ``process``, the ``ground`` that they stand on, and the ``network``) → ``crowd`` of ``followers``, who write
down what they receive → ``load`` over HTTP through ``client``, of issues with a ``life``, or ``volume`` by SQL →
``conclusion`` → every ``journal`` → ``checker`` and ``latency`` → ``report``.
"""
