ANEW = "/anew"  # asked of the shared server: it forgets all it knew
