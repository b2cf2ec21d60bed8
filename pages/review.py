"""The page review, where `streamlit run app.py` looks for it; it is written in curation/ui/pages/review.py."""

from curation.ui.pages.review import main

main()
