"""The reference: every row in memory, one obvious line of Python per field, scope asked of each row anew.

``rows``       a database as dictionaries, and small random worlds to fill it with
``sight``      what a principal may see (DOMAIN 9), from its postings and the policy's rows
``offers``     what a principal may do now
``small``      which small counts are hidden from who counts only
``answers``    a GraphQL document answered by graphql-core's own executor over those rows
``documents``  random valid documents, written from the schema
``beyond``     whatever may happen to rows that a viewer must not see, made from the tables
``agreement``  whether two answers are the same
"""
