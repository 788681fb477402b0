"""What a page takes from run folders, which may be a stranger's: read, checked, made small."""
