"""The workflow told a second time, to hold the program to: ``tests/test_workflow.py`` plays both side by side.

``counties``  the ground: units, departments, cadres and people of every role, in counties with different rules
``issue``     what an issue is, and which of its clocks run
``dues``      by when: naive arithmetic of days, with a table of holidays of its own
``may``       who may do what, and when
``named``     what an input may name besides the issue
``model``     what each mutation asks for, and what follows
``house``     the program itself over a real database: how commands are done, and what is there afterwards
"""
