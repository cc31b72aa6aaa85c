"""What runs proposed, and the pieces of a label map: judged one by one."""
