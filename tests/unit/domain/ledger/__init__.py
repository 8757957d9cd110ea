"""The ledger: uploads, matching, amounts, attribution, acting."""
