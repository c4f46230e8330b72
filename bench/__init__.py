"""How fast it is: this server, the limit and a plain peer answer the same questions, measured in turns.

``questions``  the four, as GraphQL and as the limit's hand-written SQL
``data``       a city with many issues, made once
``limit``      one statement behind bare ASGI; ``plain``: Strawberry as its guide shows
``serving``    one server in a process of its own, and what CPU it takes
``load``       eight connections that ask without pause
``report``     medians and ratios
``fanout``     one event sent to many, apart: ``python -m bench.fanout``
"""
