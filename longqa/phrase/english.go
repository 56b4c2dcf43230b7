package phrase

var english = Book{
	Language: "en", open: "“", close: "”", and: " and ", comma: ", ",
	phrases: map[Key][]string{
		PassKeyPlant: {"The pass key is %[1]s. Remember it: %[1]s is the pass key."},
		PassKey: {
			"What is the pass key that the material names?",
			"Somewhere in the given material there is a pass key. Which one is it?",
		},
		PassKeyIs: {"The pass key is %s.", "It is %s."},
		Value: {
			"Which value does the material give for the key %s?",
			"Look up the key %s in the given material: what is its value?",
		},
		ValueIs:     {"The value of %s is %s.", "For %s the material gives %s."},
		NumberPlant: {"One of the magic numbers for %s is %s."},
		Number: {
			"What is the magic number for %s in the given material?",
			"Which magic number does the material name for %s?",
		},
		NumberIs: {"The magic number for %s is %s."},
		Numbers: {
			"What are all the magic numbers for %s in the given material? Name them in the order in which " +
				"they come.",
			"Several magic numbers for %s stand in the given material. List them all, in order.",
		},
		NumbersAre: {"The magic numbers for %s are %s."},
		NumberEach: {
			"What are the magic numbers for %s in the given material?",
			"Find the magic numbers for %s in the given material.",
		},
		NumberPairs: {"The magic numbers are: %s."},
		Variables: {
			"Lines that begin with VAR assign values in the given material. Which variables have the value " +
				"%s, directly or through other variables? Name them in the order of their assignment.",
			"Follow the VAR lines in the given material: list every variable that holds the value %s, in " +
				"order.",
		},
		VariableAre: {"The variables with the value %s are %s."},
		WordCount: {
			"How many times does the word %s occur in the given text, spelled exactly so?",
			"Count the occurrences of the word %s, in just this spelling, in the given text.",
		},
		WordTimes: {"The word %s occurs %d times.", "%s occurs %d times in the given text."},
		WordMost: {
			"Which of the words %s occurs most often in the given text, and how many times?",
			"Of the words %s, which one is the most frequent in the given text? Say how often it occurs.",
		},
		WordWins: {"%s occurs most often: %d times.", "The most frequent is %s, which occurs %d times."},
		Section: {
			"Under which heading of the given text does this sentence stand: %s",
			"In the given text, which heading stands above this sentence: %s",
		},
		SectionIs: {"It stands under %s.", "The sentence stands under the heading %s."},
		Headings: {
			"In which order do the headings %s come in the given text?",
			"Put the headings %s into the order in which the given text has them.",
		},
		Passages: {
			"In which order do these passages come in the given material?\n%s",
			"Put these passages into the order in which the given material has them.\n%s",
		},
		InSequence: {"First comes %s, then %s, then %s, and last %s."},
		Speaker: {
			"Who says this: %s",
			"In the given text, who speaks these words: %s",
		},
		SpeakerIs:   {"%s says it.", "The speaker is %s."},
		ReferenceNo: {"Which number has this work in the list of references: %s"},
		ReferenceIs: {"It is reference number %d.", "The work is number %d in the list of references."},
		Work: {
			"Which work is number %d in the list of references?",
			"What does the citation [%d] refer to?",
		},
		WorkIs: {"Number %d is %s."},
		Cited: {
			"Which work does this sentence cite: %s",
			"In the given text, which work is cited in this sentence: %s",
		},
		Cell: {
			"In the table that has a row %s and a column %s: what stands in that row and column?",
			"Look the row %s and the column %s up in the given table: what is the entry?",
		},
		CellIs: {"The entry is %s.", "It is %s."},
		Origin: {
			"In which of the given documents does this sentence stand: %s",
			"Which of the given documents has this sentence: %s",
		},
		OriginIs: {"It stands in %s.", "The document is %s."},
		Absent: {
			"The given material does not say: %s does not occur in it.",
			"That cannot be answered from the given material, which does not contain %s.",
		},
		AbsentNumber: {"The given material does not say: its list of references has no number %d."},
	},
}
