"""The read compiler: a selection becomes a plan, a plan becomes one SQL statement, its answer is already JSON.

Modules, in the order in which control passes:

``document``   text -> within its limits, parsed and validated once, then remembered
``limits``     how large a document may be, counted before it is validated
``merging``    whether fields of one name can be merged, in linear time; over ``selection``, fragments spread
``trusted``    which documents clients may send, where not just any
``cost``       how many objects an operation may read, once its variables are known; and of the schema, how much
               it tells, by ``introspection``
``catalogue``  what an entity is made of: columns, relations, filters, orders, row rule (declared in ``schema/``)
``arguments``  an argument in a document -> a value that a cached plan can fetch from any later request
``planner``    selection -> plan; no SQL yet, no principal
``ids``        global ids
``cursors``    key-set cursors, bound to viewer, connection, filter and order
``emitter``    plan + shape of the scopes -> one statement: roots, objects and to-one relations, and with
               ``paging`` connections, ``filters`` predicates, ``figures`` metrics made of ``counts``, of which
               ``small_counts`` are hidden from who counts only, over ``sql`` parameters
``stream``     what of a batch of events a subscriber is to see
``computed``   what Python says of facts that the statement gathers, filled into its answer
``withheld``   private fields that are closed to the viewer: null, and told beside the answer
``runner``     plan cache, parameters, one round trip
``explain``    all of it but the round trip, as text for people
``attachment`` beside all this: which file a download is
"""
