"""What it costs to send one event to many: this server beside a bare socket, node and Strawberry, in turns.

``crowd``       many subscribers in one process, who cost as little as can be
``committing``  how events are made for this server; ``publishing``: for the others, which have no database
``bare``        a Starlette WebSocket that is sent ready text; ``handler``: Strawberry's own; ``node``: graphql-ws
``measure``     one server and one number of subscribers: memory, then bursts of events, then a steady pace
``turns``       all servers, in turns
``report``      what one such round found, and the table of all, with what was to be reached
"""
