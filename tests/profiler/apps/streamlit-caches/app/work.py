class st:
    @staticmethod
    def cache_data(work):
        return work


@st.cache_data
def cached(number):
    return number


def other(number):
    return number
