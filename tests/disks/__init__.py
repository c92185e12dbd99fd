"""An exchange under load whose disks fill up, one after the other, and are given room again."""
