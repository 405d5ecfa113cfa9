"""`ayni demo`: a real time bank's year, over four federations' nodes on this machine.

`scenario` and `shares` say what happens (pure, from a seed), `ledger_year` turns it into transactions,
`runner` runs the network and sends them, `figures` reads what happened from the signed history, and
`report` prints it.
"""
