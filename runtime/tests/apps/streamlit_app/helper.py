def words():
    return "Beside the script"
