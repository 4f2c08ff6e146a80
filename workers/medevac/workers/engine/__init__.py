"""TaskFlow's board, persistence and conductor on ZooKeeper, with every write fenced by the claim of its job."""
