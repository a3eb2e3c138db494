"""A few real steps of each long stage, and how many of them a job takes: from the classes that do the work.

Every trial gives the cost of a job of one or more rules, by what its jobs differ in: the data set, the algorithm, or
both.
"""
