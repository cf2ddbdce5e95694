/** The teacher's first page: a search field above a long list of sections. */
import "../components/student_list/search_field.js";
