"""Deliveries a second through tracking-forward, beside a bare client loop; and what a million that are owed cost."""
