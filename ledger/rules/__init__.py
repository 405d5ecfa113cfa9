"""One module for each family of transactions; `ledger/apply.py` is the table of them."""
