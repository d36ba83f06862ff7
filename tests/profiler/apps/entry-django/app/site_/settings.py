ROOT_URLCONF = "site_.urls"
